// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private static ApiOperation[] Alerts =>
    [
        new("GET /v1/alerts", "alerts", "What is wrong, since when, and what to do; newest first.")
        {
            Description = "Those that are closed only with `all`.",
            List = AlertList,
        },
        new("POST /v1/alerts/{alert:guid}/acknowledge", "acknowledgeAlert",
            "Says that somebody takes care of an alert."),
        new("POST /v1/alerts/{alert:guid}/close", "closeAlert", "Closes an alert by hand."),
        new("GET /v1/alert-targets", "alertTargets", "Where alerts are sent to, without their secrets."),
        new("PUT /v1/alert-targets/{name}", "putAlertTarget", "Makes or replaces a place that alerts are sent to."),
        new("DELETE /v1/alert-targets/{name}", "removeAlertTarget", "Sends no more alerts to a place.")
        {
            Status = 204,
        },
        new("POST /v1/alert-targets/{name}/test", "testAlertTarget", "Sends a test the way that alerts take.")
        {
            Status = 202,
            Answer = typeof(AlertDelivery),
        },
        new("GET /v1/alert-deliveries", "alertDeliveries", "What was sent, waits to be sent, or was given up."),
    ];
}
