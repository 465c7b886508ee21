"""A client of predict servers: TensorFlow Serving, by REST and gRPC, and `session-retrieval serve`.

REST needs only the standard library.
"""

from serving.client.addresses import MODEL_NAME, is_this_machine
from serving.client.client import Answer, Client
from serving.client.errors import ServerError
from serving.client.retries import Retries

__all__ = ["MODEL_NAME", "Answer", "Client", "Retries", "ServerError", "is_this_machine"]
