FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements-image.lock requirements-build.lock ./
RUN python -m venv /opt/fsm-worker && /opt/fsm-worker/bin/pip install --no-cache-dir --require-hashes -r requirements-image.lock \
 && python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY fsm_core fsm_core
COPY worker worker
RUN /opt/build/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels . \
 && /opt/fsm-worker/bin/pip install --no-cache-dir --no-deps /wheels/*.whl && /opt/fsm-worker/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="fsm-worker" org.opencontainers.image.version="0.1.0" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="A Kafka worker whose rules are a state machine that people can read, and that loses nothing"
ENV PATH=/opt/fsm-worker/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/fsm-worker /opt/fsm-worker
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["fsm-worker", "health"]
ENTRYPOINT ["fsm-worker"]
CMD ["run", "-c", "/etc/fsm-worker/worker.yaml"]
