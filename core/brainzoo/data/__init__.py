"""Images, tables, volumes, subjects, splits, classes and conditions."""
