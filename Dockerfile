# The server alone, without TensorFlow:   docker build -t emovox .
FROM python:3.13.9-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN python -m venv /opt/emovox && /opt/emovox/bin/pip install --no-cache-dir -c constraints.txt '.[serve]'

FROM python:3.13.9-slim-bookworm
COPY --from=build /opt/emovox /opt/emovox
ENV PATH=/opt/emovox/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s CMD \
  ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["emovox", "serve", "--host", "0.0.0.0"]
