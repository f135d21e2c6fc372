// java -cp /usr/share/java/sqlite-jdbc.jar App.java DATABASE NUMBER
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

public class App {
    static void insert(Connection db, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = db.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++)
                statement.setObject(i + 1, values[i]);
            statement.executeUpdate();
        }
    }

    public static void main(String[] args) throws Exception {
        String number = args[1], total = "49.90";
        // transaction_mode: setAutoCommit(false) alone begins a deferred transaction. busy_timeout: 3 s by default.
        Connection db = DriverManager.getConnection("jdbc:sqlite:" + args[0] + "?transaction_mode=IMMEDIATE&busy_timeout=5000");
        db.setAutoCommit(false);
        insert(db, "INSERT INTO orders (number, total) VALUES (?, ?)", number, total);
        insert(db, "INSERT INTO outbox (destination, operation, reference, body) VALUES (?, ?, ?, ?)", "riverty", "authorize",
            number, "{\"order\": {\"number\": \"" + number + "\", \"totalGrossAmount\": " + total + "}}");
        db.commit();
        db.setAutoCommit(true);

        PreparedStatement read = db.prepareStatement("SELECT r.result, r.http_status FROM outbox o"
            + " JOIN outbox_result r ON r.outbox_id = o.id WHERE o.reference = ?");
        read.setString(1, number);
        for (int i = 0; i < 600; i++, Thread.sleep(50)) {
            try (ResultSet row = read.executeQuery()) {
                if (row.next()) {
                    System.out.println(number + " " + row.getString(1) + " " + row.getInt(2));
                    System.exit(0);
                }
            }
        }
        System.exit(1);
    }
}
