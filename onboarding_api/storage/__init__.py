"""The only place that knows SQL. Functions take a connection; services decide where a transaction starts and ends."""
