"""The agent: takes tasks from the service, hands them to engines, and brings the results back. It opens neither."""
