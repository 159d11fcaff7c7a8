"""Reports as files: spreadsheets and documents."""
