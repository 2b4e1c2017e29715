#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One connection: a line with two numbers is answered with one that has their sum. */
static void serve(int connection) {
    FILE *in = fdopen(connection, "r");
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, in) > 0) {
        long a, b;
        if (sscanf(line, "%ld %ld", &a, &b) == 2)
            dprintf(connection, "%ld\n", a + b);
        else
            dprintf(connection, "error\n");
    }
    free(line);
    fclose(in);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(argc > 1 ? atoi(argv[1]) : 7000),
    };
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0) {
        perror("adder");
        return 1;
    }
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0)
            serve(connection);
    }
}
