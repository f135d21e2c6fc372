#include "usage.h"
void
usage_print(FILE *out)
{
	fputs("todo\n", out);
}
void
usage_greet(FILE *out, int port, bool tls)
{
	fprintf(out, "fakegw: http%s://127.0.0.1:%d\n", tls ? "s" : "", port);
	fflush(out);
}
