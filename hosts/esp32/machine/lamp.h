/* The patterns of the status LED, and their order. */

#ifndef __LAMP_H__
#define __LAMP_H__

#include <stdbool.h>
#include <stdint.h>

typedef enum {
	kLampNetworkLost,
	kLampNetworkJoined,
	kLampOffline,
	kLampOnline,
	kLampAsleep,
	kLampReading,
	kLampFault
} LampNews;

/* Starts as all zeros: neither joined nor online. */
typedef struct {
	bool			joined;
	bool			online;
	bool			asleep;
	/* The event that is shown once before the lamp goes back to its state, as one of the sequences in lamp.c. */
	uint8_t			event;
	uint8_t			position;
} Lamp;

typedef struct {
	bool		lit;
	/* 0: until there is news. */
	uint16_t	milliseconds;
} LampStep;

/* Whether the step that is under way should end now. */
bool lampTell(Lamp *lamp, LampNews news);

/* The next step to show. */
LampStep lampStep(Lamp *lamp);

#endif
