"""Files from elsewhere: downloaded, resumed, verified, unpacked."""
