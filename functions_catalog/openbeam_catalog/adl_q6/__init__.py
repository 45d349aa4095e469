"""ADL benchmark, query 6: the three jets whose mass is nearest to that of the top quark."""
