/*
 * The patterns of the status LED. Nothing of ESP-IDF is needed here: the tests
 * compile this file for the computer that they run on.
 */

#include "lamp.h"

/* Short, and mostly dark: on a battery, light takes the most energy. */
#define FLASH_MS (30)
#define BETWEEN_FLASHES_MS (170)
/* Dark around an event, so that it differs from blinking. */
#define PAUSE_MS (400)

/* Durations in ms, the first one lit, then dark, and so on; an end is 0. */
static const uint16_t joining[] = { 100, 100, 0 };
static const uint16_t connecting[] = { 100, 1400, 0 };
/* Events begin dark: their first one is dark. */
static const uint16_t flash[] = { PAUSE_MS, FLASH_MS, PAUSE_MS, 0 };
static const uint16_t twoFlashes[] = { PAUSE_MS, FLASH_MS, BETWEEN_FLASHES_MS, FLASH_MS, PAUSE_MS, 0 };

enum {
	kNoEvent,
	kFlash,
	kTwoFlashes
};

bool lampTell(Lamp *lamp, LampNews news)
{
	const Lamp before = *lamp;

	switch (news) {
		case kLampNetworkLost:
		case kLampNetworkJoined:
			lamp->joined = kLampNetworkJoined == news;
			break;
		case kLampOffline:
		case kLampOnline:
		case kLampAsleep:
			lamp->online = kLampOnline == news;
			lamp->asleep = kLampAsleep == news;
			break;
		case kLampReading:
		case kLampFault:
			/* One event at a time; others are dropped meanwhile. */
			if (kNoEvent == lamp->event) {
				lamp->event = kLampFault == news ? kTwoFlashes : kFlash;
				lamp->position = 0;
				return true;
			}
			return false;
	}
	if (before.joined == lamp->joined && before.online == lamp->online && before.asleep == lamp->asleep)
		return false;
	/* An event is shown to its end. */
	if (kNoEvent != lamp->event)
		return false;
	lamp->position = 0;
	return true;
}

LampStep lampStep(Lamp *lamp)
{
	LampStep step = { false, 0 };
	const uint16_t *sequence;

	if (kNoEvent != lamp->event) {
		sequence = kFlash == lamp->event ? flash : twoFlashes;
		step.lit = lamp->position & 1;
		step.milliseconds = sequence[lamp->position++];
		if (step.milliseconds > 0)
			return step;
		lamp->event = kNoEvent;
		lamp->position = 0;
	}
	step.lit = false;
	if (lamp->online || lamp->asleep)
		return step;
	sequence = lamp->joined ? connecting : joining;
	if (0 == sequence[lamp->position])
		lamp->position = 0;
	step.lit = !(lamp->position & 1);
	step.milliseconds = sequence[lamp->position++];
	return step;
}
