// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Notifications;

/// <summary>
/// A site event in the form that the services of OpenStack send theirs in and ceilometer and others read
/// (oslo.messaging's driver `messagingv2`).
/// </summary>
/// <param name="Priority">`INFO`, `WARN` or `ERROR`.</param>
/// <param name="Id">The same whenever the event is sent: who was sent it twice knows it by that.</param>
internal sealed record Notification(string EventType, string Priority, Guid Id, byte[] Body)
{
    /// <summary>The key that it is published by, which is also the name of the queue that is there without consumers.
    /// </summary>
    public string KeyOf(string topic) => $"{topic}.{Priority.ToLowerInvariant()}";

    /// <param name="project">Of the tenant's project in the cloud, as far as the site knows.</param>
    public static Notification Of(SiteEvent happened, string site, Func<string, string?> project)
    {
        var tenant = happened.Tenant ?? (happened.Group is { } group ? GroupName.TenantOf(group) : null);
        var projectId = tenant is null ? null : project(tenant);
        var type = $"lifeboat.{Noun(happened.Kind)}.{happened.State.Replace('-', '_')}";
        var priority = PriorityOf(happened);
        var id = IdOf(happened, site);
        var message = new Dictionary<string, object?>
        {
            ["message_id"] = id.ToString(),
            ["publisher_id"] = $"lifeboat.{site}",
            ["event_type"] = type,
            ["priority"] = priority,
            ["payload"] = new Dictionary<string, object?>
            {
                ["number"] = happened.Number,
                ["site"] = site,
                ["tenant"] = tenant,
                ["project_id"] = projectId,
                ["group"] = happened.Group,
                ["subject"] = happened.Subject,
                ["state"] = happened.State,
                ["reason"] = JsonNamingPolicy.KebabCaseLower.ConvertName(happened.Reason.ToString()),
                ["text"] = happened.Text,
                ["at"] = happened.At.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
            },
            // As Python prints a time of UTC.
            ["timestamp"] = happened.At.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff",
                CultureInfo.InvariantCulture),
            ["_unique_id"] = id.ToString("n"),
            ["_context_tenant"] = projectId,
            ["_context_project_id"] = projectId,
            ["_context_user_id"] = null,
        };
        var envelope = new Dictionary<string, string>
        {
            ["oslo.version"] = "2.0",
            ["oslo.message"] = JsonSerializer.Serialize(message),
        };
        return new Notification(type, priority, id, JsonSerializer.SerializeToUtf8Bytes(envelope));
    }

    private static string Noun(SiteEventKind kind) => kind switch
    {
        SiteEventKind.GroupState => "group",
        SiteEventKind.Definition => "definition",
        SiteEventKind.Point => "point",
        SiteEventKind.Run => "run",
        SiteEventKind.Alert => "alert",
        SiteEventKind.Removed => "events",
        SiteEventKind.Evacuation => "evacuation",
    };

    private static string PriorityOf(SiteEvent happened) => (happened.Kind, happened.State) switch
    {
        (_, "failed" or "error" or "diverged") => "ERROR",
        (SiteEventKind.Alert, "raised") or (SiteEventKind.Removed, _) => "WARN",
        (_, "degraded" or "succeeded-with-warnings" or "cancelled" or "paused") => "WARN",
        _ => "INFO",
    };

    // Of the event, not of the sending: made anew it is the same.
    private static Guid IdOf(SiteEvent happened, string site) => new(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture,
            $"{site}/{happened.Kind}/{happened.Number}/{happened.At.ToUnixTimeMilliseconds()}"))).AsSpan(0, 16));
}
