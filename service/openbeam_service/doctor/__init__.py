"""Look an installation over, and say what to do about what is not well."""
