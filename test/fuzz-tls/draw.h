/* The dialogue that a seed and a number decide. */

#ifndef DRAW_H
#define DRAW_H

#include "plan.h"

void drawPlan(Plan *plan, uint64_t seed, uint32_t dialogue);

#endif
