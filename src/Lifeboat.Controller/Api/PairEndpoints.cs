// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/pair`: for a site that is not trusted yet but holds a token.</summary>
internal sealed class PairEndpoints(Pairing pairing)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/pair", () => pairing.Offer);
        routes.MapPost("/pair", (PairingJoin join) => pairing.Accept(join));
    }
}
