\set n :n + 1
\set m 1 + mod((:n * :clients + :client_id) * 7919, :members)
SELECT earn(:m, 100, now() + interval '1 year', gen_random_uuid());
