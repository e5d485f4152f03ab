// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Lifeboat.Controller.Access;

/// <summary>Turns a request into its caller.</summary>
internal sealed class Callers(IReadOnlyList<ITokenReader> readers, TenantStore tenants, AccessRules rules)
{
    private const string Scheme = "Bearer ";

    /// <param name="needed">False: without a token there is no caller, and that is all right.</param>
    /// <exception cref="ProblemException">NotAuthenticated, TokenExpired, TenantUnknown.</exception>
    public async Task<Caller?> OfAsync(HttpContext context, bool needed)
    {
        var address = AddressOf(context);
        if (await IdentityOfAsync(context, address) is { } identity)
            return new Caller(identity, TenantOf(context, identity), address, context.TraceIdentifier);
        return needed ? throw Stranger(null) : null;
    }

    /// <summary>Of an answer that goes on for long: whether who asked for it may still have it.</summary>
    /// <returns>False: the token was revoked or is over, or its user has lost what lets, since it began.</returns>
    /// <exception cref="ProblemException">Whoever made the token cannot be asked.</exception>
    public async Task<bool> StillMayAsync(HttpContext context)
    {
        try
        {
            return await OfAsync(context, needed: true) is { } caller && rules.Lets(context, caller);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.NotAuthenticated or ReasonCode.TokenExpired
            or ReasonCode.TenantUnknown)
        {
            return false;
        }
    }

    /// <exception cref="ProblemException">NotAuthenticated, TokenExpired, IdentityUnavailable.</exception>
    public async Task<Identity> WhoseAsync(string token, string address, CancellationToken ct)
    {
        foreach (var reader in readers)
            if (await reader.ReadAsync(token, address, ct) is { } identity) return identity;
        throw Stranger("The token is none that this site knows.");
    }

    /// <summary>Over the unix socket, which has no address.</summary>
    public static bool IsLocal(HttpContext context) =>
        !IsOverTls(context) && context.Connection.LocalIpAddress is null;

    public static bool IsOverTls(HttpContext context) => context.Features.Get<ITlsConnectionFeature>() is not null;

    public static string AddressOf(HttpContext context) =>
        IsLocal(context) ? "unix" : context.Connection.RemoteIpAddress?.ToString() ?? "unknown";

    private async Task<Identity?> IdentityOfAsync(HttpContext context, string address)
    {
        if (IsLocal(context)) return Identity.Local;
        return TokenOf(context.Request) is { } token ? await WhoseAsync(token, address, context.RequestAborted) : null;
    }

    private string? TenantOf(HttpContext context, Identity identity)
    {
        StringValues[] said = [context.Request.Headers[TenantHeader.Name], context.Request.Query["tenant"]];
        var names = said.SelectMany(s => s).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        if (names.Count > 1)
            throw new ProblemException(ReasonCode.InvalidRequest, "the request names more than one tenant");
        if (names.Count == 0) return identity.Tenant;
        // Another tenant is told apart from one that is not there by nobody but the site.
        if (identity.Tenant is { } own ? names[0] == own : tenants.Find(names[0]) is not null) return names[0];
        throw TenantStore.Unknown(names[0]);
    }

    private static string? TokenOf(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        if (header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return header[Scheme.Length..].Trim();
        return request.Headers["X-Auth-Token"].ToString() is { Length: > 0 } token ? token : null;
    }

    private static ProblemException Stranger(string? detail) => new(ReasonCode.NotAuthenticated,
        "who asks is not known here", detail ?? "Send a token: Authorization: Bearer TOKEN.");
}
