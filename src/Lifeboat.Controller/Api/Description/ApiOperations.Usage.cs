// SPDX-License-Identifier: Apache-2.0
using static Lifeboat.Protection.ReasonCode;

namespace Lifeboat.Controller.Api.Description;

internal static partial class ApiOperations
{
    private static ApiOperation[] Usage =>
    [
        new("GET /v1/groups/{group}/sla", "serviceLevel",
            "How well the RPO target was kept in a month, as this site saw it."),
        new("GET /v1/usage", "usage", "What tenants and groups used in a month, as this site metered it.")
        {
            Description = "The other site's report has what that one metered: they add up. Whoever is of a tenant "
                + "gets its lines alone.",
        },
        new("GET /v1/usage/prices", "prices", "What usage costs.", PricesUnknown),
        new("PUT /v1/usage/prices", "putPrices", "Sets what usage costs, for reports made from now on of any month."),
    ];
}
