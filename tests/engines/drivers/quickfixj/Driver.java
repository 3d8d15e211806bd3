import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import quickfix.Application;
import quickfix.ConfigError;
import quickfix.Connector;
import quickfix.DefaultMessageFactory;
import quickfix.FieldMap;
import quickfix.FileLogFactory;
import quickfix.FileStoreFactory;
import quickfix.Group;
import quickfix.Message;
import quickfix.Session;
import quickfix.SessionID;
import quickfix.SessionSettings;
import quickfix.SocketAcceptor;
import quickfix.SocketInitiator;
import quickfix.StringField;

/**
 * QuickFIX/J as a driver: one FIX session in a process of its own. docs/engines.md says what a driver is told.
 *
 * <p>It knows nothing of this project. Every number and answer is the engine's.
 */
public final class Driver implements Application {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    /** Header fields that a scenario may set. */
    private static final Set<Integer> HEADER = Set.of(43, 50, 57, 97, 116, 122, 128, 129, 369, 1128, 1129);

    private final JsonNode settings;
    private final boolean client;
    private final SessionID session;
    private JsonNode logon = JSON.createArrayNode();
    /** PossDupFlag (43) of the next message: the engine takes it out of what its application hands it. */
    private volatile String possDup;
    private Connector engine;

    private Driver(JsonNode settings) throws Exception {
        this.settings = settings;
        client = settings.get("role").asText().equals("client");
        session = new SessionID(text("begin_string"), text("sender"), text("target"));
        if (!client) {
            start(false);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Driver driver = new Driver(JSON.readTree(arguments[0]));
        tell("ready", JSON.createObjectNode().put("engine", "QuickFIX/J"));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode order = JSON.readTree(line);
            ObjectNode answer = JSON.createObjectNode().put("id", order.get("id").asInt());
            try {
                answer.set("result", driver.perform(order));
                tell("done", answer);
            } catch (Exception error) { // told, and judged by the test
                tell("failed", answer.put("error", error.toString()));
            }
        }
        Runtime.getRuntime().halt(0); // the engine's threads need no goodbye
    }

    private static synchronized void tell(String event, ObjectNode more) {
        OUT.println(more.put("event", event));
    }

    private String text(String name) {
        return settings.get(name).asText();
    }

    // --- what a test may ask for ---

    private JsonNode perform(JsonNode order) throws Exception {
        switch (order.get("do").asText()) {
            case "connect" -> {
                logon = order.get("fields");
                if (engine != null) {
                    engine.stop(true);
                }
                start(order.get("reset").asBoolean());
            }
            case "send" -> send(order.get("type").asText(), order.get("fields"));
            case "reset" -> {
                logon = order.get("fields");
                String heartbeat = settings.get("heartbeat").asText();
                send("A", JSON.readTree("[[98, \"0\"], [108, \"" + heartbeat + "\"], [141, \"Y\"]]"));
            }
            case "logout" -> Session.lookupSession(session).logout();
            case "logon" -> Session.lookupSession(session).logon();
            case "skip" -> Session.lookupSession(session).setNextSenderMsgSeqNum(order.get("to").asInt());
            case "numbers" -> {
                Session own = Session.lookupSession(session);
                return JSON.createObjectNode().put("out", own.getExpectedSenderNum()).put("in", own.getExpectedTargetNum());
            }
            default -> throw new IllegalArgumentException("no such order");
        }
        return null;
    }

    private void send(String type, JsonNode fields) throws Exception {
        Message message = new Message();
        message.getHeader().setString(35, type);
        put(fields, message);
        possDup = message.getHeader().getOptionalString(43).orElse(null);
        Session.sendToTarget(message, session);
        possDup = null;
    }

    /** A second value of a tag goes into a group of its own, whose count is the first. */
    private static void put(JsonNode fields, Message message) {
        for (JsonNode field : fields) {
            int tag = field.get(0).asInt();
            FieldMap part = HEADER.contains(tag) ? message.getHeader() : message;
            StringField value = new StringField(tag, field.get(1).asText());
            if (part.isSetField(tag)) {
                Group group = new Group(tag, tag);
                group.setField(value);
                part.addGroup(group);
            } else {
                part.setField(value);
            }
        }
    }

    private void start(boolean reset) throws ConfigError {
        SessionSettings all = new SessionSettings();
        all.setString("ConnectionType", client ? "initiator" : "acceptor");
        all.setString("FileStorePath", text("store"));
        all.setString("FileLogPath", text("store"));
        all.setString("ReconnectInterval", "3600");
        all.setString("SocketTcpNoDelay", "Y");
        all.setString("SocketReuseAddress", "Y");
        all.setString("UseDataDictionary", "Y");
        all.setString("ValidateUserDefinedFields", "N");
        all.setString("StartTime", settings.path("start_time").asText("00:00:00"));
        all.setString("EndTime", settings.path("end_time").asText("00:00:00"));
        all.setString("HeartBtInt", text("heartbeat"));
        all.setString("LogoutTimeout", "2");
        all.setBool(session, "ResetOnLogon", reset);
        all.setBool(session, "EnableNextExpectedMsgSeqNum", settings.path("next_expected").asBoolean());
        all.setBool(session, "EnableLastMsgSeqNumProcessed", settings.path("last_processed").asBoolean());
        if (session.isFIXT()) {
            all.setString(session, "DefaultApplVerID", text("application"));
        }
        all.setString(client ? "SocketConnectHost" : "SocketAcceptAddress", "127.0.0.1");
        all.setString(client ? "SocketConnectPort" : "SocketAcceptPort", text("port"));
        all.setString(session, "BeginString", session.getBeginString());
        all.setString(session, "SenderCompID", session.getSenderCompID());
        all.setString(session, "TargetCompID", session.getTargetCompID());
        FileStoreFactory store = new FileStoreFactory(all);
        FileLogFactory log = new FileLogFactory(all);
        DefaultMessageFactory messages = new DefaultMessageFactory();
        engine = client ? new SocketInitiator(this, store, all, log, messages)
                : new SocketAcceptor(this, store, all, log, messages);
        engine.start();
    }

    // --- what the engine tells ---

    private static ObjectNode raw(Message message, boolean admin) {
        return JSON.createObjectNode().put("admin", admin).put("raw", message.toString());
    }

    @Override
    public void onCreate(SessionID session) {}

    @Override
    public void onLogon(SessionID session) {
        tell("logon", JSON.createObjectNode());
    }

    @Override
    public void onLogout(SessionID session) {
        tell("logout", JSON.createObjectNode());
    }

    @Override
    public void toAdmin(Message message, SessionID session) {
        if (message.isAdmin() && "A".equals(message.getHeader().getOptionalString(35).orElse(""))) {
            put(logon, message);
        }
        tell("sent", raw(message, true));
    }

    @Override
    public void toApp(Message message, SessionID session) {
        if (possDup != null) {
            message.getHeader().setString(43, possDup);
        }
        tell("sent", raw(message, false));
    }

    @Override
    public void fromAdmin(Message message, SessionID session) {
        tell("received", raw(message, true));
    }

    @Override
    public void fromApp(Message message, SessionID session) {
        tell("received", raw(message, false));
    }
}
