const http = require("node:http");

const prices = process.env.PRICES_URL;

const server = http.createServer(async (request, response) => {
  response.setHeader("content-type", "application/json");
  try {
    const asked = await fetch(prices + request.url, { signal: AbortSignal.timeout(300) });
    response.end(JSON.stringify(await asked.json()));
  } catch (error) {
    console.error(`${request.url}: ${error.message}`);
    response.writeHead(503).end(JSON.stringify({ error: "no price" }));
  }
});

// Port 0 is any that is free; the line says which.
server.listen(process.env.PORT, "127.0.0.1", () => {
  console.log(`listening on port ${server.address().port}`);
});
