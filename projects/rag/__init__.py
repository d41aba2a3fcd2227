"""A customer-service bot over a shop's own documents: ingestion, retrieval and cited answers."""
