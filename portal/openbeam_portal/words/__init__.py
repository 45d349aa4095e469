"""What people read, apart from the code that shows it: one module a language, the same names in each."""
