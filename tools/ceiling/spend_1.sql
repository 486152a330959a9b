\set n :n + 1
\set m 1 + mod((:n * :clients + :client_id) * 7919, :members)
SELECT spend_first(:m, 10, gen_random_uuid());
