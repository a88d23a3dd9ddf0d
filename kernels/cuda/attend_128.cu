#include "attend.h"

ATTEND(128)
