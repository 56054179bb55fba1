"""How many machines a load needs: `refundlens capacity`.

In: photos a day and what one costs (`plan.Cost`, measured). Out: processors, GPUs, storage and what they cost
(`plan.CapacityPlan`). `queueing` plays the same numbers as a queue, photo by photo, with replicas that die. Plain
arithmetic: nothing of the service is imported.
"""
