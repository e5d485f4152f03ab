// SPDX-License-Identifier: Apache-2.0
// What TLS 1.3 on loopback can do: one process writes with SSL_write, another reads with SSL_read, nothing else is done
// with the bytes. AES-128-GCM or AES-256-GCM. Prints "<MB/s> <sender CPU s/GiB> <receiver CPU s/GiB>".
//   gcc -O2 tls.c -lssl -lcrypto ; ./a.out MIB [TLS_AES_256_GCM_SHA384]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE (256 << 10)

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "tls: %s failed\n", what);
  exit(1);
}

static void certify(SSL_CTX *ctx) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  must(key && cert, "making a key");
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_set_pubkey(cert, key);
  X509_NAME *name = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
  X509_set_issuer_name(cert, name);
  must(X509_sign(cert, key, EVP_sha256()) > 0, "signing");
  must(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1, "using the certificate");
}

static SSL *session(const SSL_METHOD *method, int fd, const char *suite, int server) {
  SSL_CTX *ctx = SSL_CTX_new(method);
  must(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), "TLS 1.3");
  must(SSL_CTX_set_ciphersuites(ctx, suite), "the cipher suite");
  if (server) certify(ctx);
  SSL *ssl = SSL_new(ctx);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL_set_fd(ssl, fd);
  must((server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1, "the handshake");
  return ssl;
}

static double cpu(int who) {
  struct rusage u;
  getrusage(who, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double now(void) {
  struct timeval t;
  gettimeofday(&t, NULL);
  return t.tv_sec + t.tv_usec / 1e6;
}

int main(int argc, char **argv) {
  long long total = (argc > 1 ? atoll(argv[1]) : 512) << 20;
  const char *suite = argc > 2 ? argv[2] : "TLS_AES_128_GCM_SHA256";
  char *piece = malloc(PIECE);
  for (int i = 0; i < PIECE; i++) piece[i] = (char)(i * 2654435761u >> 11);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  must(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0, "listening");
  getsockname(listener, (struct sockaddr *)&at, &length);
  if (fork() == 0) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connecting");
    SSL *ssl = session(TLS_client_method(), fd, suite, 0);
    for (long long sent = 0; sent < total; sent += PIECE) must(SSL_write(ssl, piece, PIECE) == PIECE, "writing");
    char done;
    must(SSL_read(ssl, &done, 1) == 1, "the answer");
    _exit(0);
  }
  int fd = accept(listener, NULL, NULL);
  SSL *ssl = session(TLS_server_method(), fd, suite, 1);
  double start = now(), before = cpu(RUSAGE_SELF);
  for (long long got = 0; got < total;) {
    int n = SSL_read(ssl, piece, PIECE);
    must(n > 0, "reading");
    got += n;
  }
  double seconds = now() - start, received = cpu(RUSAGE_SELF) - before;
  must(SSL_write(ssl, "d", 1) == 1, "answering");
  int status;
  wait(&status);
  must(status == 0, "the sender");
  double gib = total / (double)(1 << 30);
  printf("%.1f %.3f %.3f\n", total / seconds / 1e6, cpu(RUSAGE_CHILDREN) / gib, received / gib);
  return 0;
}
