// SPDX-License-Identifier: Apache-2.0
using System.Net.Mail;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Alerts;

/// <summary>A target as it is kept: its secret is sealed.</summary>
internal sealed record AlertTarget(string Name, AlertTargetRequest Settings);

/// <summary>Where alerts are sent to.</summary>
internal sealed class AlertTargets(ControllerDatabase database, TargetSecrets secrets, AlertDeliveries deliveries)
{
    public const int Most = 50;

    public IReadOnlyList<AlertTarget> All() => AlertTargetRows.All(database);

    public IReadOnlyList<AlertTargetInfo> Describe()
    {
        var counts = deliveries.Counts();
        return [.. All().Select(t => Describe(t, counts.GetValueOrDefault(t.Name)))];
    }

    /// <exception cref="ProblemException">InvalidRequest, with all that is wrong.</exception>
    public AlertTargetInfo Put(string name, AlertTargetRequest request)
    {
        var all = All();
        var before = all.FirstOrDefault(t => t.Name == name);
        var problems = Problems(name, request, before).ToList();
        if (before is null && all.Count >= Most) problems.Add($"a site has at most {Most} alert targets");
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"alert target {name} has faults", null, problems);
        DryRun.EndsHere();
        var sealedSecret = request.Secret is { Length: > 0 } secret ? secrets.Seal(secret, name)
            : before?.Settings.Secret;
        var target = new AlertTarget(name, request with { Secret = sealedSecret });
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO alert_targets(name, body) VALUES(@name, @Body)
            ON CONFLICT(name) DO UPDATE SET body = excluded.body
            """, new { name, Body = StoredJson.Write(target) });
        return Describe(target, deliveries.Counts().GetValueOrDefault(name));
    }

    /// <summary>What waits for it is given up. One that is not there is fine.</summary>
    public void Remove(string name)
    {
        using var connection = database.Open();
        connection.Execute("DELETE FROM alert_targets WHERE name = @name", new { name });
        deliveries.Forget(name);
    }

    /// <exception cref="ProblemException">InvalidRequest: there is none.</exception>
    public AlertTarget Get(string name) => All().FirstOrDefault(t => t.Name == name)
        ?? throw new ProblemException(ReasonCode.InvalidRequest, $"there is no alert target {name}",
            "`lifeboat alert target list` shows them.");

    private static AlertTargetInfo Describe(AlertTarget target, (int Waiting, int Dead) counts)
    {
        var s = target.Settings;
        return new AlertTargetInfo(target.Name, s.Kind, s.Least, s.Url is { } url ? Shown(url) : null, s.Server,
            s.Security, s.From, s.To, s.User, s.Secret is not null, counts.Waiting, counts.Dead);
    }

    // Chat systems put their secret into the address: host and how it begins are enough to know it again.
    private static string Shown(string url)
    {
        var address = new Uri(url);
        return address.PathAndQuery.Length <= 1 ? url : $"{address.GetLeftPart(UriPartial.Authority)}/…";
    }

    private static IEnumerable<string> Problems(string name, AlertTargetRequest r, AlertTarget? before)
    {
        if (!EntityName.IsValid(name)) yield return $"name is '{name}'; {EntityName.Rule}";
        if (!Enum.IsDefined(r.Least)) yield return "least is none of info, warning, critical";
        if (r.Secret is { Length: > 1024 }) yield return "secret has at most 1024 characters";
        if (!Enum.IsDefined(r.Kind)) yield return "kind is neither webhook nor mail";
        foreach (var problem in r.Kind is AlertTargetKind.Mail ? Mail(r) : Webhook(r, before)) yield return problem;
    }

    private static IEnumerable<string> Webhook(AlertTargetRequest r, AlertTarget? before)
    {
        if (!Uri.TryCreate(r.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")
            || url.UserInfo.Length > 0)
            yield return "url is an http or https address without a user in it";
        if (r.Secret is { Length: < 16 } || r.Secret is null && before?.Settings.Secret is null)
            yield return "secret is the key of the signature: at least 16 characters";
        if ((r.Server ?? r.From ?? r.User) is not null || r.To?.Count > 0)
            yield return "server, from, to and user are those of a mail target";
    }

    private static IEnumerable<string> Mail(AlertTargetRequest r)
    {
        if (!MailSender.TryServer(r.Server, out _, out _)) yield return $"server is '{r.Server}'; it must be host:port";
        if (!MailAddress.TryCreate(r.From, out _)) yield return $"from is '{r.From}'; it must be a mail address";
        if (r.To is null or { Count: 0 or > 20 }) yield return "to has 1 to 20 mail addresses";
        foreach (var to in (r.To ?? []).Where(t => !MailAddress.TryCreate(t, out _)))
            yield return $"to has '{to}', which is no mail address";
        if (!Enum.IsDefined(r.Security)) yield return "security is none of start-tls, none, tls";
        if (r.User is not null && r.Security is MailSecurity.None)
            yield return "user: a password is not sent over a connection without TLS";
        if (r.Url is not null) yield return "url is that of a webhook target";
    }
}

/// <summary>Read in two places that would else need each other.</summary>
internal static class AlertTargetRows
{
    public static IReadOnlyList<AlertTarget> All(ControllerDatabase database)
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("SELECT body FROM alert_targets ORDER BY name")
            .Select(StoredJson.Read<AlertTarget>)];
    }
}
