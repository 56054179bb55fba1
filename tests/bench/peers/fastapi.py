"""FastAPI as its documentation has it for blocking work: a plain function, which runs in the thread pool of 40 threads.

There is no batching in it; the session is shared by the threads, one inference thread each.
"""

from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI

from tests.bench.peers.common import HOST, body, decode, given, judge, load

app = FastAPI()
detector = load()


@app.post("/detect")
def detect(image: Annotated[bytes, Body(media_type="image/jpeg")] = b"") -> dict[str, Any]:
    return body(judge(detector, [decode(image)])[0])


if __name__ == "__main__":
    uvicorn.run(app, host=HOST, port=given().port, log_level="warning")
