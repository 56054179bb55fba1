"""One request, as endpoints have it: who calls, the parts of the process, and a session to work in.

In: FastAPI's request. Out: `Services`, and `ApiCall`, which `serving.identity.access.calls` lets in by role.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from refundlens.serving.http.idempotency import Created, idempotent
from refundlens.serving.kit.context import Context, Services
from refundlens.serving.kit.language import Language, preferred
from refundlens.serving.kit.principal import Principal


async def _services(request: Request) -> Services:
    return Services.of(request)  # on the event loop: a full pool of threads must not keep /readyz waiting


Parts = Annotated[Services, Depends(_services)]


@dataclass(frozen=True)
class ApiCall:
    """A request and who sent it."""

    request: Request
    principal: Principal

    @cached_property
    def services(self) -> Services:
        return Services.of(self.request)

    @property
    def language(self) -> Language:
        """What the caller reads."""
        return preferred(self.request.headers.get("accept-language"))

    def context(self, session: Session) -> Context:
        parts = self.services
        return Context(session, parts.settings, parts.clock(), self.principal, self.language)

    @contextmanager
    def reading(self) -> Iterator[Context]:
        """A session that writes nothing."""
        with self.services.database.reading() as session:
            yield self.context(session)

    @contextmanager
    def writing(self) -> Iterator[Context]:
        """A transaction, for what may be done twice."""
        with self.services.database.transaction() as session:
            yield self.context(session)

    def once(
        self,
        key: str | None,
        asked: BaseModel | dict[str, Any] | None,
        do: Callable[[Context], Created],
        required: bool = True,
    ) -> Response:
        """Do it in one transaction, or give the answer that this key got before (`idempotent`); who waits for changes
        is woken."""
        body = asked.model_dump(mode="json") if isinstance(asked, BaseModel) else asked
        answer = idempotent(
            self.services,
            self.request,
            self.principal,
            key,
            body,
            lambda session: do(self.context(session)),
            required,
        )
        self.services.notifier.notify()
        return answer
