import os

import redis
from flask import Flask, jsonify

app = Flask(__name__)
store = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.get("/health")
def health():
    return "ok"


@app.post("/visits/<name>")
def visit(name):
    return jsonify(visits=store.incr(f"visits:{name}"))


@app.get("/visits/<name>")
def visits(name):
    return jsonify(visits=int(store.get(f"visits:{name}") or 0))
