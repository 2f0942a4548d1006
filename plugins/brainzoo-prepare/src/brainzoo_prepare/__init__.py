"""Steps of preparing scans: brain masks, bias fields, alignment."""
