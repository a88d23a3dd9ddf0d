#include "attend.h"

ATTEND(192)
