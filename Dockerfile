# The server, and every command that needs no video: `docker build -t lanline .` See docs/containers.md.
FROM python:3.11-slim AS build
WORKDIR /build
# All that may be installed, checked against the hashes of the lock file; the next steps take from it what they need.
COPY requirements-server.lock ./
RUN pip download --quiet --require-hashes --requirement requirements-server.lock --dest /wheels
COPY pyproject.toml README.md LICENSE ./
COPY src src
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
RUN python -m venv --without-pip /opt/lanline \
    && pip --python /opt/lanline/bin/python install --quiet --no-cache-dir .

FROM python:3.11-slim
COPY --from=build /opt/lanline /opt/lanline
RUN useradd --uid 10001 --create-home lanline \
    && install -d -o lanline -g lanline -m 0700 /data /homes
ENV PATH=/opt/lanline/bin:$PATH LANLINE_DATA=/data LANLINE_METRICS_PORT=9265
USER 10001
WORKDIR /home/lanline
VOLUME ["/data", "/homes"]
EXPOSE 5265/udp 5265/tcp
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9265/health', timeout=8)"]
ENTRYPOINT ["lanline"]
CMD ["serve"]
