"""What `make up` runs: Redis, web and worker under one supervisor."""
