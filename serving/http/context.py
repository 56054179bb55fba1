"""What an endpoint needs of the application, as FastAPI dependencies."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from refundlens.serving.storage.database import Database
from refundlens.serving.storage.secret import Secret


def database(request: Request) -> Database:
    found: Database = request.app.state.database
    return found


def secret(request: Request) -> Secret:
    found: Secret = request.app.state.secret
    return found


def now(request: Request) -> datetime:
    moment: datetime = request.app.state.clock()
    return moment


Db = Annotated[Database, Depends(database)]
TheSecret = Annotated[Secret, Depends(secret)]
Now = Annotated[datetime, Depends(now)]
