/*
 * Asks the C of the board that needs no chip: a command in each line of the
 * standard input, its answer in a line of the standard output.
 *
 *   feed MS, sleep MS      the duration in microseconds
 *   note CAUSE SECONDS     writes the note, and shows its cause
 *   abort DETAIL           the same for an abort of the engine's; a `_` is a blank
 *   damage BYTE            changes a bit of the note, and shows its cause
 *   garbage                a note that nobody has written
 *   reason CHIP            the restart's reason
 *   trouble CHIP           1 if nobody wanted the restart
 *   tell NEWS              1 if the lamp's step should end
 *   step                   lit or dark, and for how many ms
 *   lamp                   a new lamp
 *   id ADDRESS             the station's id, from twelve hexadecimal digits
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../hosts/esp32/machine/lamp.h"
#include "../../hosts/esp32/machine/machine-rules.h"

int main(void)
{
	RestartNote note = { 0 };
	Lamp lamp = { 0 };
	char command[16];
	char first[32];
	char second[32];
	char detail[100];
	char line[200];

	while (fgets(line, sizeof(line), stdin)) {
		char text[RESTART_REASON_BYTES];

		first[0] = second[0] = 0;
		if (sscanf(line, "%15s %31s %31s", command, first, second) < 1)
			return 1;
		if (0 == strcmp(command, "feed"))
			printf("%llu\n", (unsigned long long)feedMicroseconds(strtod(first, NULL)));
		else if (0 == strcmp(command, "sleep"))
			printf("%llu\n", (unsigned long long)sleepMicroseconds(strtod(first, NULL)));
		else if (0 == strcmp(command, "note")) {
			restartNoteWrite(&note, (RestartCause)atoi(first), (uint32_t)strtoul(second, NULL, 10));
			printf("%d\n", restartNoteCause(&note));
		}
		else if (0 == strcmp(command, "abort")) {
			detail[0] = 0;
			sscanf(line, "%*s %99s", detail);
			for (char *c = detail; *c; c++)
				if ('_' == *c)
					*c = ' ';
			restartNoteAbort(&note, detail);
			printf("%d\n", restartNoteCause(&note));
		}
		else if (0 == strcmp(command, "trouble"))
			printf("%d\n", restartIsTrouble(atoi(first), &note));
		else if (0 == strcmp(command, "damage")) {
			((uint8_t *)&note)[atoi(first) % (int)sizeof(note)] ^= 1;
			printf("%d\n", restartNoteCause(&note));
		}
		else if (0 == strcmp(command, "garbage")) {
			memset(&note, atoi(first), sizeof(note));
			printf("%d\n", restartNoteCause(&note));
		}
		else if (0 == strcmp(command, "reason")) {
			restartReason(text, atoi(first), &note);
			printf("%s\n", text);
		}
		else if (0 == strcmp(command, "tell"))
			printf("%d\n", lampTell(&lamp, (LampNews)atoi(first)));
		else if (0 == strcmp(command, "step")) {
			const LampStep step = lampStep(&lamp);

			printf("%s %u\n", step.lit ? "lit" : "dark", step.milliseconds);
		}
		else if (0 == strcmp(command, "lamp")) {
			memset(&lamp, 0, sizeof(lamp));
			printf("\n");
		}
		else if (0 == strcmp(command, "id")) {
			const unsigned long long number = strtoull(first, NULL, 16);
			uint8_t address[6];
			char id[STATION_ID_BYTES];

			for (int i = 0; i < 6; i++)
				address[i] = (uint8_t)(number >> 8 * (5 - i));
			stationId(id, address);
			printf("%s\n", id);
		}
		else
			return 1;
	}
	return 0;
}
