#include "attend.h"

ATTEND(64)
