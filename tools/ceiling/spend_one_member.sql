SELECT spend_first(0, 10, gen_random_uuid());
