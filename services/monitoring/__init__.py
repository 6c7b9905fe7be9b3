"""Monitoring: the follow-up of every returnee, from the inception of reintegration to the end of the case.

It owns the visits (one month by phone, four months on site: programme policy), the attempts to reach a person, what was
found, contact lost and regained, and closure.

It consumes reintegration's opened, completed, delivery-corrected and cancelled.
It publishes follow-ups scheduled, completed, overdue and cancelled, attempts, contact lost and regained, and closed.
"""
