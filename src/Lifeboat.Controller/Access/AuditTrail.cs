// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Declarations;
using Lifeboat.Controller.Policies;
using Lifeboat.Protection.Groups;
using System.Data.Common;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Access;

/// <summary>
/// Writes a line of the audit log for each change that was asked for: who, what, from where, what came of it, and the
/// definition it was about before and after.
/// </summary>
internal sealed partial class AuditTrail(AuditLog log, GroupStore groups, SpecStore specs, UserStore users,
    TenantStore tenants, PriceStore prices, PolicyStore policies, TimeProvider time, ILogger<AuditTrail> logger)
{
    private const string BeforeKey = "lifeboat.audit.before", DetailKey = "lifeboat.audit.detail",
        SparedKey = "lifeboat.audit.spared", OutcomeKey = "lifeboat.audit.outcome";
    private const int DefinitionMax = 256 << 10;

    /// <summary>What is to be said of the change beyond its path.</summary>
    public static void Note(HttpContext context, string detail) => context.Items[DetailKey] = detail;

    /// <summary>Nobody waited for the end: what came of it is not known, and must not pass for done.</summary>
    public static void HungUp(HttpContext context) => context.Items[OutcomeKey] = "hung-up";

    /// <summary>It is carried out later, and has a row of its own then.</summary>
    public static void Accepted(HttpContext context) => context.Items[OutcomeKey] = "accepted";

    /// <summary>It was only asked what would be.</summary>
    public static void Spare(HttpContext context) => context.Items[SparedKey] = true;

    /// <summary>Looks at what the request is about, before anything is done.</summary>
    public void Begin(HttpContext context)
    {
        if (IsChange(context.Request))
            context.Items[BeforeKey] = Definition(context.Request.Path, context.Request.RouteValues, context);
    }

    /// <summary>One of several changes of a request, with a row of its own.</summary>
    public async Task RecordAsync(HttpContext context, PlannedChange change, Func<Task> work)
    {
        var (shown, path) = (change.Shown, new PathString(change.Subject));
        var values = new RouteValueDictionary { ["owner"] = shown.Tenant ?? "" };
        var name = change.Subject.Split('/') is ["", "v1", _, var one, ..] ? one : shown.Name;
        values[shown.Kind switch { "Plan" => "group", "Link" => "peer", var kind => kind.ToLowerInvariant() }] = name;
        var before = Definition(path, values, context);
        // Until it is done; what goes wrong without a reason of ours is not.
        var outcome = ReasonCode.Unexpected;
        try
        {
            await work();
            outcome = ReasonCode.None;
        }
        catch (ProblemException e)
        {
            outcome = e.Reason;
            throw;
        }
        finally
        {
            Add(context, Caller.Of(context).Name, $"APPLY {shown.Action}".ToUpperInvariant(), path, Said(outcome),
                $"{shown.Kind} {shown.Name}", shown.Tenant, before, Definition(path, values, context));
        }
    }

    /// <param name="actor">Null: nobody knows.</param>
    public void End(HttpContext context, ReasonCode reason, string? actor)
    {
        // Strangers leave a line in the log only: the trail is kept for so many rows, and they must not be able to push
        // everything else out of it.
        if (!IsChange(context.Request) || actor is null || context.Items.ContainsKey(SparedKey)) return;
        var caller = Caller.Find(context);
        var before = context.Items[BeforeKey] as string;
        var made = reason is ReasonCode.None ? context.Response.Headers.Location.ToString() : "";
        var after = reason is ReasonCode.None ? After(context, made) : before;
        Add(context, actor, context.Request.Method, context.Request.Path,
            reason is ReasonCode.None && context.Items[OutcomeKey] is string other ? other : Said(reason),
            context.Items[DetailKey] as string ?? (made.Length > 0 ? $"made {made}" : null),
            caller?.Tenant ?? (context.Request.RouteValues["group"] is string of ? GroupName.TenantOf(of) : null),
            before, after);
    }

    private static string Said(ReasonCode reason) =>
        reason is ReasonCode.None ? "ok" : JsonNamingPolicy.KebabCaseLower.ConvertName(reason.ToString());

    private void Add(HttpContext context, string actor, string action, PathString path, string outcome,
        string? detail, string? tenant, string? before, string? after)
    {
        try
        {
            log.Add(new AuditEntry(time.GetUtcNow(), actor, action, path, outcome)
            {
                Detail = detail,
                Tenant = tenant,
                From = Caller.Find(context)?.Address ?? Callers.AddressOf(context),
                Request = context.TraceIdentifier,
                Before = before == after ? null : Cut(before),
                After = before == after ? null : Cut(after),
            });
        }
        catch (Exception e) when (e is DbException || ControllerDatabase.IsUnavailable(e))
        {
            // The request has been answered; cutting the answer off now would deny what was done.
            LogNotRecorded(e, action, path);
        }
    }

    // Peers exchange definitions every other second: that is no change worth a line.
    private static bool IsChange(HttpRequest request) => !HttpMethods.IsGet(request.Method)
        && !HttpMethods.IsHead(request.Method)
        && !request.Path.StartsWithSegments("/peer/v1/exchange") && !request.Path.StartsWithSegments("/peer/v1/boot");

    private string? After(HttpContext context, string made)
    {
        // A run or an operation that was begun is no definition: then it is about what the path names, as before.
        if (made.Split('/', StringSplitOptions.RemoveEmptyEntries) is not ["v1", var kind, var name]
            || DefinedAs(kind) is not { } one)
            return Definition(context.Request.Path, context.Request.RouteValues, context);
        var values = new RouteValueDictionary { [one] = Uri.UnescapeDataString(name) };
        return Definition("/v1/" + kind, values, context);
    }

    private static string? DefinedAs(string kind) => kind switch
    {
        "groups" => "group", "policies" => "policy", "users" => "user", "tenants" => "tenant", _ => null,
    };

    private string? Definition(PathString path, RouteValueDictionary values, HttpContext context)
    {
        if (values["group"] is string group)
            return Json(groups.Find(group) is { Removed: false } record ? record.Definition : null);
        if (values["policy"] is string policy) return Json(policies.Find(policy));
        if (values["peer"] is string peer && path.StartsWithSegments("/v1/links")) return Json(specs.Link(peer));
        if (path == "/v1/usage/prices") return Json(prices.Find());
        if (values["user"] is string user)
            return Json(users.Find(values["owner"] as string ?? Caller.Find(context)?.Tenant ?? "", user));
        return values["tenant"] is string tenant ? Json(tenants.Find(tenant)) : null;
    }

    private static string? Json<T>(T? definition) where T : class =>
        definition is null ? null : JsonSerializer.Serialize(definition, ContractJson.Options);

    private static string? Cut(string? json) => json is { Length: > DefinitionMax }
        ? JsonSerializer.Serialize($"{json.Length} characters, more than the log keeps") : json;

    [LoggerMessage(EventIds.NotRecorded, LogLevel.Error, "{Method} {Path} is missing in the audit log")]
    private partial void LogNotRecorded(Exception cause, string method, string path);
}
