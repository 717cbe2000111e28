"""The command line: files in, a table, a summary and a page out."""
