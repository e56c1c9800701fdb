# AgeScope without an installation, on the processor: `docker compose up --build`, then http://localhost:8501.
# A command instead of the dashboard: `docker compose run --rm agescope predict --help`. See docs/scale.md.
FROM python:3.11-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# A number of its own, so that nothing in here writes as root into a folder of the host.
RUN useradd --uid 1000 --create-home agescope && mkdir /data && chown agescope: /data

WORKDIR /app
# First the small torch, for processors alone; the pins are the same for everybody.
COPY requirements.txt ./
RUN pip install "$(sed -n 's/^\(torch==[0-9.]*\).*/\1/p' requirements.txt)" --index-url https://download.pytorch.org/whl/cpu \
    && pip install -r requirements.txt
COPY . .

# The study lies in /data; the key of pseudonyms and the record of past requests in the home folder. Both are to last.
ENV AGESCOPE_DATA_DIR=/data
USER 1000
VOLUME ["/data", "/home/agescope"]

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["python", "-m", "core"]
# All of the container's own addresses; compose.yaml publishes the port to this computer's loopback alone.
CMD ["app", "--server.address", "0.0.0.0"]
