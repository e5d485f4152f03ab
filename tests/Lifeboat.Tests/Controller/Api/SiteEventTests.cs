// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Api;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Tests.Controller.Alerts;
using Microsoft.Extensions.Logging.Abstractions;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>What happens is followed from where one was, over restarts of the controller too.</summary>
public sealed class SiteEventTests
{
    [Fact]
    public void A_line_is_added_only_when_it_says_something_new()
    {
        var root = Directory.CreateTempSubdirectory("lb-events").FullName;
        using (var database = new SqliteDatabase(Path.Combine(root, "controller.db")))
        {
            var (one, other) = (new SiteEventStore(database), new SiteEventStore(database));
            SiteEvent Says(string group, string state) => new(0, DateTimeOffset.UnixEpoch, SiteEventKind.GroupState,
                null, group, null, state, ReasonCode.None, "");
            Assert.Equal(1, one.Add([new("group shop", "protected", Says("shop", "protected"))]));
            Assert.Equal(1, one.Add([new("group till", "protected", Says("till", "protected"))]));
            Assert.Equal(0, other.Add([new("group shop", "protected", Says("shop", "protected"))]));
            Assert.Equal(1, other.Add([new("group shop", "link-down", Says("shop", "link-down"))]));
            Assert.Equal(1, one.Add([new("group shop", "protected", Says("shop", "protected"))]));
            Assert.Equal(["shop protected", "till protected", "shop link-down", "shop protected"],
                one.After(0, 10).Select(e => $"{e.Group} {e.State}"));
            Assert.Equal(one.After(0, 10).Skip(2), one.After(one.After(0, 2)[^1].Number, 10));
        }
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task The_story_of_a_group_is_told_in_order_and_resumed_behind_what_was_seen()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var run = await sites.RunAsync(sites.B, RunKind.TestFailover);
        var story = await ReadAsync(sites.B.Client, 0,
            seen => seen.Any(e => IsEnd(e, run.Id)) && seen.Any(e => e.State == "protected")
                && seen.Any(e => e.Kind is SiteEventKind.Point) && seen.Any(e => e.Kind is SiteEventKind.Definition));
        Assert.Equal(story.Select(e => e.Number).Order().Distinct(), story.Select(e => e.Number));
        // Each step is seen to begin and to end.
        Assert.True(story.Count(e => e.Subject == run.Id.ToString()) >= run.Steps.Count);

        await sites.B.StopControllerAsync();
        await sites.B.StartControllerAsync();
        var middle = story[story.Count / 2].Number;
        var rest = await ReadAsync(sites.B.Client, middle, seen => seen.Count >= story.Count(e => e.Number > middle));
        Assert.Equal(story.Where(e => e.Number > middle), rest.Take(story.Count(e => e.Number > middle)));
        // What was so before the restart is not told again after it.
        var again = await sites.RunAsync(sites.B, RunKind.TestFailover);
        var after = await ReadAsync(sites.B.Client, story[^1].Number, seen => seen.Any(e => IsEnd(e, again.Id)));
        Assert.DoesNotContain(after, e => e.Subject == run.Id.ToString());
        Assert.DoesNotContain(after, e => e.Kind is SiteEventKind.Definition);
    }

    [Fact]
    public async Task However_many_alerts_are_raised_at_once_each_is_told_and_that_it_is_over()
    {
        var root = Directory.CreateTempSubdirectory("lb-events").FullName;
        using (var database = new SqliteDatabase(Path.Combine(root, "controller.db")))
        {
            var (log, alerts) = (new SiteEventStore(database), new AlertStore(database));
            var events = new SiteEvents(log, alerts, new RunFeed(TimeProvider.System), TimeProvider.System,
                NullLogger<SiteEvents>.Instance);
            var raised = Enumerable.Range(0, 300).Select(i => ($"1/g{i}", new Alert
            {
                Id = Guid.NewGuid(), Kind = AlertKind.RpoMissed, Severity = AlertSeverity.Critical,
                Reason = ReasonCode.LinkDown, Site = "a", Subject = $"g{i}", Summary = "behind", Advice = "look",
                Since = Sight.Now.AddSeconds(i), LastSeen = Sight.Now.AddSeconds(i),
            })).ToList();
            alerts.Save(raised);
            await events.SeeAsync(Sight.At("a"), Ct);
            Assert.Equal(300, log.After(0, 1000).Count(e => e.State == "raised"));
            var (key, oldest) = raised[0];
            alerts.Save([(key, oldest with { ClosedAt = Sight.Now.AddHours(1) })]);
            await events.SeeAsync(Sight.At("a"), Ct);
            Assert.Equal($"{oldest.Id}", Assert.Single(log.After(0, 1000), e => e.State == "closed").Subject);
        }
        Directory.Delete(root, recursive: true);
    }

    [Fact]
    public async Task A_client_of_another_make_resumes_by_the_id_of_its_last_event()
    {
        await using var site = await TestSite.StartAsync("a", new());
        using (var database = new SqliteDatabase(site.Paths.ControllerDatabase))
        {
            var store = new SiteEventStore(database);
            for (var i = 1; i <= 3; i++)
                store.Add([new("group shop", $"{i}", new SiteEvent(0, DateTimeOffset.UnixEpoch,
                    SiteEventKind.GroupState, null, "shop", null, $"s{i}", ReasonCode.None, "two\nlines"))]);
        }
        using var http = new HttpClient(UnixSocketHttp.Handler(site.Paths.ControllerSocket));
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://controller/v1/events/stream?after=0");
        request.Headers.Add(EventEndpoints.ResumeHeader, "2");
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Ct);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Ct));
        var text = new List<string>();
        while (text.Count < 5) text.Add((await lines.ReadLineAsync(Ct))!);
        Assert.Equal(["retry: 2000", "", "id: 3", "event: group-state"], text[..4]);
        Assert.Contains("\"state\":\"s3\"", text[4]);

        using var wrong = new HttpRequestMessage(HttpMethod.Get, "http://controller/v1/events/stream");
        wrong.Headers.Add(EventEndpoints.ResumeHeader, "the last one");
        using var refused = await http.SendAsync(wrong, Ct);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    private static bool IsEnd(SiteEvent happened, Guid run) =>
        happened.Subject == run.ToString() && happened.State == "succeeded";

    private static async Task<List<SiteEvent>> ReadAsync(ControllerClient client, long after,
        Predicate<List<SiteEvent>> enough)
    {
        var seen = new List<SiteEvent>();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        await foreach (var happened in client.WatchEventsAsync(after, limit.Token))
        {
            seen.Add(happened);
            if (enough(seen)) return seen;
        }
        throw new InvalidOperationException($"the stream ended after {seen.Count} events");
    }
}
