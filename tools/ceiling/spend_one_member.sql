SELECT spend(0, 10, gen_random_uuid());
