"""Make the application: routers, access, limits, and the models that are loaded when it starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

import emovox
from emovox.server.access import Key, own_pages
from emovox.server.metrics import Metrics, Timed
from emovox.server.problems import responses, tell_problems
from emovox.server.routers import health, metrics, models, page, predict, stream, timeline
from emovox.server.service import Service
from emovox.server.settings import Settings

ABOUT = """Emotion recognition in recordings and live speech. Recordings are neither stored nor logged.

Every error is a problem body (RFC 9457) whose `hint` tells the next step."""


def create_app(settings: Settings) -> FastAPI:
    """The application, for any ASGI server.

    Args:
        settings: Models, access and limits. The models are loaded when the application starts, not here.
    """
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it logs bytes of malformed forms
    counters = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = await asyncio.to_thread(Service, settings, counters)
        yield
        service.pool.close()

    app = FastAPI(
        title="Emovox",
        version=emovox.__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # it loads scripts from another host
        redoc_url=None,
    )
    tell_problems(app)
    app.add_middleware(Timed, metrics=counters)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.include_router(health.router)
    access = [Depends(own_pages), *([Depends(Key(settings.api_key))] if settings.api_key else [])]
    for guarded in (predict, timeline, stream, models, metrics):
        app.include_router(guarded.router, dependencies=access, responses=responses(401, 403))
    app.include_router(page.about)
    app.include_router(page.model, dependencies=access)
    app.mount("/", page.Page())
    return app
