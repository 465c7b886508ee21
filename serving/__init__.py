"""What asks pushed models: batch jobs, a client of servers, a local server with its page."""
