# Dashboard or service on CPUs:
#   docker build -t dnr .
#   docker run -p 127.0.0.1:8501:8501 -v dnr-data:/data -v dnr-checkpoints:/checkpoints dnr
# compose.yaml starts both; Dockerfile.cuda is the same on a GPU.
FROM python:3.11-slim

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 \
    && pip install --no-cache-dir -r requirements.txt

RUN useradd --create-home --uid 1000 dnr \
    && install --directory --owner=dnr --group=dnr /data /checkpoints
COPY --chown=dnr:dnr . .
RUN cp -r checkpoints/. /checkpoints/ && chown -R dnr:dnr /checkpoints

USER dnr
ENV DNR_DATA=/data DNR_CHECKPOINTS=/checkpoints
VOLUME ["/data", "/checkpoints"]
EXPOSE 8501 8600
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["python", "-m", "streamlit", "run", "dashboard/Home.py", "--server.address=0.0.0.0", "--server.headless=true"]
