// What htmx alone does not do. Every action of the console works without this file.
"use strict";
