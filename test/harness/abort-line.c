/*
 * What the board's C makes of what is printed: each line of the standard input is
 * printed as it is, a `|` in it as the end of a line. What it takes for the
 * engine's reason comes out, each in a line.
 */

#include <stdio.h>
#include <string.h>

#include "../../hosts/esp32/machine/abort-line.h"

static FILE *output;

static void onAbort(const char *reason)
{
	fprintf(output, "%s\n", reason);
}

int main(void)
{
	char line[1000];

	output = stdout;
	abortLineWatch(onAbort);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		for (char *c = line; *c; c++)
			if ('|' == *c)
				*c = '\n';
		printf("%s", line);
	}
	return 0;
}
