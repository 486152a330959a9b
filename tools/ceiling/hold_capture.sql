\set n :n + 1
\set m 1 + mod((:n * :clients + :client_id) * 7919, :members)
SELECT hold(:m, 10, now() + interval '1 hour', gen_random_uuid()) AS hold \gset
SELECT capture(:m, :hold, gen_random_uuid());
