// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Notifications;
using Lifeboat.Protection;

namespace Lifeboat.Tests.Controller.Notifications;

/// <summary>What is published; that a real broker and oslo.messaging take it, the integration tests show.</summary>
public sealed class NotificationTests
{
    private static readonly SiteEvent Ended = new(42, new DateTimeOffset(2026, 11, 30, 9, 8, 7, 6, 500, TimeSpan.Zero),
        SiteEventKind.Run, null, "acme_shop", "0199", "succeeded-with-warnings", ReasonCode.None, "failover of shop");

    [Fact]
    public void It_has_the_form_that_oslo_messaging_sends()
    {
        var made = Notification.Of(Ended, "b", tenant => tenant == "acme" ? "p1" : null);
        Assert.Equal(("lifeboat.run.succeeded_with_warnings", "WARN", "dr.warn"),
            (made.EventType, made.Priority, made.KeyOf("dr")));
        var envelope = JsonNode.Parse(made.Body)!;
        Assert.Equal("2.0", (string?)envelope["oslo.version"]);
        // A text that is JSON, not JSON within JSON.
        var message = JsonNode.Parse((string)envelope["oslo.message"]!)!.AsObject();
        Assert.Equal(["_context_project_id", "_context_tenant", "_context_user_id", "_unique_id", "event_type",
            "message_id", "payload", "priority", "publisher_id", "timestamp"],
            message.Select(m => m.Key).Order(StringComparer.Ordinal));
        Assert.Equal("2026-11-30 09:08:07.006500", (string?)message["timestamp"]);
        Assert.Equal("lifeboat.b", (string?)message["publisher_id"]);
        Assert.Equal("p1", (string?)message["_context_project_id"]);
        Assert.Equal(("acme", "acme_shop", 42, "none"), ((string?)message["payload"]!["tenant"],
            (string?)message["payload"]!["group"], (int)message["payload"]!["number"]!,
            (string?)message["payload"]!["reason"]));
        Assert.Equal(made.Id, Guid.Parse((string)message["message_id"]!));
    }

    [Fact]
    public void Made_again_it_is_the_same_and_another_event_is_another()
    {
        var first = Notification.Of(Ended, "b", _ => null);
        Assert.Equal(first.Body, Notification.Of(Ended, "b", _ => null).Body);
        Assert.NotEqual(first.Id, Notification.Of(Ended with { Number = 43 }, "b", _ => null).Id);
        Assert.NotEqual(first.Id, Notification.Of(Ended, "a", _ => null).Id);
    }

    [Theory]
    [InlineData(SiteEventKind.Run, "running", "INFO")]
    [InlineData(SiteEventKind.Run, "failed", "ERROR")]
    [InlineData(SiteEventKind.GroupState, "degraded", "WARN")]
    [InlineData(SiteEventKind.GroupState, "protected", "INFO")]
    [InlineData(SiteEventKind.Alert, "raised", "WARN")]
    [InlineData(SiteEventKind.Alert, "closed", "INFO")]
    public void What_is_bad_news_has_the_priority_of_it(SiteEventKind kind, string state, string priority) =>
        Assert.Equal(priority, Notification.Of(Ended with { Kind = kind, State = state }, "b", _ => null).Priority);

    [Fact]
    public void Settings_say_all_that_is_wrong_with_them()
    {
        var wrong = new NotificationSettings
        {
            Url = "rabbit://lifeboat:secret@mq/", Topics = ["a b", "ok"], Exchange = "", CaFile = "ca.pem",
        };
        var problems = string.Join("\n", wrong.Problems());
        Assert.Equal(4, wrong.Problems().Count());
        Assert.Contains("a password does not belong into site.json", problems);
        Assert.DoesNotContain("secret", problems);
        Assert.Contains("names no user", Assert.Single(new NotificationSettings { Url = "amqp://mq" }.Problems()));
        Assert.Single(new NotificationSettings { Url = "http://lifeboat@mq" }.Problems());
    }

    [Fact]
    public void A_url_is_that_of_oslo_messaging()
    {
        static string Read(string url)
        {
            var settings = new NotificationSettings { Url = url };
            Assert.Empty(settings.Problems());
            return JsonSerializer.Serialize(settings.Broker() is var b ? new
            {
                b.User, b.VirtualHost, Hosts = b.Hosts.Select(h => $"{h.Host} {h.Port}"), b.IsTls,
            } : null);
        }
        Assert.Equal("""{"User":"lb","VirtualHost":"/","Hosts":["mq 5672"],"IsTls":false}""", Read("rabbit://lb@mq"));
        Assert.Equal("""{"User":"lb","VirtualHost":"/","Hosts":["mq 5672"],"IsTls":false}""", Read("rabbit://lb@mq/"));
        Assert.Equal("""{"User":"lb","VirtualHost":"openstack","Hosts":["m1 5672","m2 5673"],"IsTls":false}""",
            Read("rabbit://lb@m1,lb@m2:5673/openstack"));
        Assert.Equal("""{"User":"lb","VirtualHost":"a/b","Hosts":["2001:db8::1 5671"],"IsTls":true}""",
            Read("amqps://lb@[2001:db8::1]/a%2Fb"));
    }
}
